/**
 * Java's properties text: `meta.properties`, and whatever configuration people bring from Apache Kafka.
 *
 *     # a comment        ! another
 *     key = value        also  key: value  and  key value;  blanks around the separator do not count
 *     a\ b=c\
 *        d               a backslash takes the next letter as it is, joins lines, and writes \t \n \r \f \u00fc
 *
 * Java reads these files as Latin-1. The last of two equal keys counts.
 */

/** Throws a SyntaxError for a `\u` without four hexadecimal digits, as Java does. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of logicalLines(text)) {
    const keyEnd = endOfKey(line);
    let valueStart = skipBlanks(line, keyEnd);
    if (line[valueStart] === '=' || line[valueStart] === ':') valueStart = skipBlanks(line, valueStart + 1);
    properties.set(withoutEscapes(line.slice(0, keyEnd)), withoutEscapes(line.slice(valueStart)));
  }
  return properties;
}

/** As Java stores them, with the moment in the second line; letters beyond ASCII become `\u` sequences. */
export function formatProperties(properties: Iterable<readonly [string, string]>, nowMs: number): string {
  const lines = ['#', `#${javaDate(nowMs)}`];
  for (const [key, value] of properties) lines.push(`${withEscapes(key, true)}=${withEscapes(value, false)}`);
  return `${lines.join('\n')}\n`;
}

/** Lines without comments and empty ones, joined where a backslash ends one, without leading blanks. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let open: string | null = null;
  for (const natural of text.split(/\r\n|\n|\r/)) {
    const line = natural.slice(skipBlanks(natural, 0));
    if (open === null && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue;
    const joined: string = (open ?? '') + line;
    const backslashes = /\\*$/.exec(line)![0].length;
    if (backslashes % 2 === 1) open = joined.slice(0, -1);
    else {
      lines.push(joined);
      open = null;
    }
  }
  if (open !== null && open !== '') lines.push(open);
  return lines;
}

function isBlank(letter: string | undefined): boolean {
  return letter === ' ' || letter === '\t' || letter === '\f';
}

function skipBlanks(line: string, from: number): number {
  let at = from;
  while (isBlank(line[at])) at++;
  return at;
}

function endOfKey(line: string): number {
  let at = 0;
  while (at < line.length) {
    const letter = line[at]!;
    if (letter === '=' || letter === ':' || isBlank(letter)) return at;
    at += letter === '\\' ? 2 : 1;
  }
  return line.length;
}

const controls: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function withoutEscapes(text: string): string {
  return text.replace(/\\(u.{0,4}|.)/gs, (_all, sequence: string) => {
    if (!sequence.startsWith('u')) return controls[sequence] ?? sequence;
    if (!/^u[0-9a-fA-F]{4}$/.test(sequence))
      throw new SyntaxError(`malformed \\uxxxx sequence: \\${sequence}`);
    return String.fromCharCode(Number.parseInt(sequence.slice(1), 16));
  });
}

const controlNames: ReadonlyMap<string, string> = new Map(
  Object.entries(controls).map(([name, letter]) => [letter, name]),
);

function withEscapes(text: string, isKey: boolean): string {
  let escaped = '';
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    const controlName = controlNames.get(letter);
    if (letter === ' ') escaped += isKey || at === 0 ? '\\ ' : ' ';
    else if (controlName !== undefined) escaped += `\\${controlName}`;
    else if ('\\=:#!'.includes(letter)) escaped += `\\${letter}`;
    else if (letter >= ' ' && letter <= '~') escaped += letter;
    else escaped += `\\u${letter.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
  }
  return escaped;
}

/** One line of such a file, without its end, for people to read: only what must be is escaped. */
export function propertyLine(key: string, value: string): string {
  const text = value.replace(/^ |[\\]|[^ -~]/g, (letter) => withEscapes(letter, false));
  return `${withEscapes(key, true)}=${text}`;
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Sun Nov 22 21:54:41 UTC 2026`. */
function javaDate(ms: number): string {
  const date = new Date(ms);
  const day = String(date.getUTCDate()).padStart(2, '0');
  const time = date.toISOString().slice(11, 19);
  return `${days[date.getUTCDay()]} ${months[date.getUTCMonth()]} ${day} ${time} UTC ${date.getUTCFullYear()}`;
}
