/** What becomes of an error that a request ends with: the problem that says why not. */
import type { FastifyRequest } from 'fastify';
import { closestNames } from '../../storage/config/closest-names.ts';
import { CompactionRefused } from '../cleaning/compaction-refused.ts';
import { LookupRefused } from '../lookup/lookup.ts';
import { OptionError } from '../options/option-error.ts';
import { isRead } from './guard.ts';
import { type Problem, ProblemError, problemOf } from './problems.ts';
import { clientGone } from './route.ts';
import { testProblemOf } from './test-access.ts';

/** A batch of keys: a thousand of 4,000 bytes each, in base64. */
export const bodyBytesMax = 6 * 1024 * 1024;

/** What a schema found, as ajv tells it. */
interface Finding {
  /** `/times` */
  readonly instancePath: string;
  readonly params: { readonly additionalProperty?: string; readonly missingProperty?: string };
}

interface FrameworkError {
  readonly code?: string;
  readonly message: string;
  readonly validation?: readonly Finding[];
  readonly validationContext?: 'body' | 'querystring';
}

/** Null: a bug of ours. */
export function problemFrom(error: unknown, request: FastifyRequest): Problem | null {
  if (error instanceof ProblemError) return error.problem;
  // Nobody hears it.
  if (error === clientGone) return { kind: 'bad-request', detail: clientGone.message };
  if (error instanceof LookupRefused)
    return problemOf(error, !isRead(request.method) && request.method !== 'POST');
  if (error instanceof OptionError)
    return { kind: 'bad-request', detail: error.message, fields: { option: error.option } };
  if (error instanceof CompactionRefused) return { kind: 'cannot-compact', detail: error.message };
  return testProblemOf(error) ?? frameworkProblem(error as FrameworkError, request);
}

function frameworkProblem(error: FrameworkError, request: FastifyRequest): Problem | null {
  const { code, message } = error;
  if (error.validation !== undefined) return invalid(error, error.validation[0], request);
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { kind: 'too-large', detail: `the body may have ${bodyBytesMax} bytes` };
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return { kind: 'unsupported-content', detail: 'the content type has to be application/json' };
    case 'FST_ERR_BAD_URL':
      return { kind: 'bad-request', detail: 'the URL cannot be read' };
  }
  const isBadBody = code?.startsWith('FST_ERR_CTP_') || error instanceof SyntaxError;
  return isBadBody ? { kind: 'bad-request', detail: `the body cannot be read: ${message}` } : null;
}

/** Names the option at fault, where it is one of them and not the whole. */
function invalid(
  { message, validationContext = 'body' }: FrameworkError,
  finding: Finding | undefined,
  request: FastifyRequest,
): Problem {
  if (finding === undefined) return { kind: 'bad-request', detail: message };
  const { instancePath, params } = finding;
  const { additionalProperty: unknown, missingProperty: missing } = params;
  const option = unknown ?? missing ?? instancePath.split('/')[1];
  const fields = option === undefined ? {} : { fields: { option: option.slice(0, 100) } };
  if (unknown === undefined) return { kind: 'bad-request', detail: message, ...fields };
  const schema = request.routeOptions.schema?.[validationContext] as { properties?: object } | undefined;
  const near = closestNames(unknown, { ...schema?.properties });
  const where = validationContext === 'body' ? 'option' : 'parameter';
  return { kind: 'bad-request', detail: `there is no ${where} ${unknown.slice(0, 100)}${near}`, ...fields };
}
