/** Access control entries in the metadata log. */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { int8, string, uuid } from '../../../protocol/schema/field.ts';

/** An access control entry was added. */
export const accessControlEntryRecord = defineRecord({
  name: 'AccessControlEntryRecord',
  type: 18,
  versions: '0',
  flexible: '0+',
  fields: {
    id: uuid,
    resourceType: int8,
    resourceName: string,
    patternType: int8,
    principal: string,
    host: string,
    operation: int8,
    permissionType: int8,
  },
});

/** An access control entry was removed. */
export const removeAccessControlEntryRecord = defineRecord({
  name: 'RemoveAccessControlEntryRecord',
  type: 19,
  versions: '0',
  flexible: '0+',
  fields: {
    id: uuid,
  },
});
