import { errors } from '../../../protocol/errors.ts';
import { createAcls, deleteAcls, describeAcls } from '../../../protocol/messages/security/acls.ts';
import { defineHandler } from '../handler.ts';

/** A broker without an authorizer keeps no ACLs: tools are told so, as by Kafka. */
const disabled = {
  errorCode: errors.securityDisabled.code,
  errorMessage: 'No Authorizer is configured.',
} as const;

export const describeAclsHandler = defineHandler(describeAcls, {
  versions: '1-3',
  handle: () => ({ throttleTimeMs: 0, ...disabled, resources: [] }),
  refuse: (_request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    errorCode,
    errorMessage,
    resources: [],
  }),
});

export const createAclsHandler = defineHandler(createAcls, {
  versions: '1-3',
  handle: (_services, request) => ({ throttleTimeMs: 0, results: request.creations.map(() => disabled) }),
  refuse: (request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    results: request.creations.map(() => ({ errorCode, errorMessage })),
  }),
});

export const deleteAclsHandler = defineHandler(deleteAcls, {
  versions: '1-3',
  handle: (_services, request) => ({
    throttleTimeMs: 0,
    filterResults: request.filters.map(() => ({ ...disabled, matchingAcls: [] })),
  }),
  refuse: (request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    filterResults: request.filters.map(() => ({ errorCode, errorMessage, matchingAcls: [] })),
  }),
});
