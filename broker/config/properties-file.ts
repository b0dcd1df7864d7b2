/**
 * The text format of java.util.Properties, in which server.properties is written:
 *
 *     # a comment, as is a line that begins with !
 *     key=value        key: value        key value        (blanks around the separator do not count)
 *     key = first \
 *           second                                        (a line that ends in an odd number of \ goes on, without the blanks in front)
 *     \t \n \r \f      \uXXXX      \x is x                (escapes, in keys and values; \= and \: and \# and "\ " among them)
 *
 * A key that stands twice has its last value. Text comes in decoded (UTF-8 here; Java takes ISO-8859-1, where \u is for the rest).
 */

/** Reads the entries in their order. Throws a SyntaxError that names the line of a wrong \u escape. */
export function parseProperties(text: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const { line, number } of logicalLines(text)) {
    const { keyEnd, valueStart } = split(line);
    const key = resolveEscapes(line.slice(0, keyEnd), number);
    entries.delete(key);
    entries.set(key, resolveEscapes(line.slice(valueStart), number));
  }
  return entries;
}

interface LogicalLine {
  readonly line: string;
  /** Of its first line, from 1. */
  readonly number: number;
}

const blanksInFront = /^[ \t\f]+/;

/** Lines joined at their continuations, without comments and blank lines. */
function logicalLines(text: string): LogicalLine[] {
  const joined: LogicalLine[] = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  for (let index = 0; index < lines.length; index++) {
    const number = index + 1;
    let line = lines[index]!.replace(blanksInFront, '');
    if (line === '' || line.startsWith('#') || line.startsWith('!')) continue;
    while (goesOn(line)) {
      line = line.slice(0, -1);
      // What follows a lone \\ is a line of its own, which may be a comment.
      if (line === '') break;
      if (index + 1 >= lines.length) break;
      index++;
      line += lines[index]!.replace(blanksInFront, '');
    }
    if (line !== '') joined.push({ line, number });
  }
  return joined;
}

function goesOn(line: string): boolean {
  return (/\\+$/.exec(line)?.[0].length ?? 0) % 2 === 1;
}

/** Where the key ends, and where the value begins: after one `=` or `:` and the blanks around it. */
function split(line: string): { keyEnd: number; valueStart: number } {
  let keyEnd = 0;
  while (keyEnd < line.length && !'=: \t\f'.includes(line[keyEnd]!)) keyEnd += line[keyEnd] === '\\' ? 2 : 1;
  keyEnd = Math.min(keyEnd, line.length);
  const separator = /^[ \t\f]*[=:]?[ \t\f]*/.exec(line.slice(keyEnd))!;
  return { keyEnd, valueStart: keyEnd + separator[0].length };
}

const namedEscapes: Record<string, string> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function resolveEscapes(text: string, lineNumber: number): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(u[0-9a-fA-F]{4}|[\s\S]|$)/g, (_escape, code: string) => {
    if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (code === 'u') throw new SyntaxError(`line ${lineNumber}: \\u needs four hexadecimal digits`);
    return namedEscapes[code] ?? code;
  });
}
