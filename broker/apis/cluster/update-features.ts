import { errors } from '../../../protocol/errors.ts';
import { updateFeatures } from '../../../protocol/messages/cluster/update-features.ts';
import { defineHandler } from '../handler.ts';

const upgradeTypes = { upgrade: 1, safeDowngrade: 2 } as const;

/** Raises or lowers finalized feature levels (KIP-584, KIP-1022): all of a request or none. */
export const updateFeaturesHandler = defineHandler(updateFeatures, {
  versions: '0-2',
  async handle({ metadata }, request, caller) {
    const updates = request.featureUpdates.map(
      ({ feature, maxVersionLevel, allowDowngrade, upgradeType }) => ({
        name: feature,
        level: maxVersionLevel,
        // v0 said it with a flag.
        upgradeType:
          caller.apiVersion > 0
            ? upgradeType
            : allowDowngrade
              ? upgradeTypes.safeDowngrade
              : upgradeTypes.upgrade,
      }),
    );
    const results = await metadata.updateFeatures(updates, request.validateOnly);
    const failed = results.find(({ errorCode }) => errorCode !== errors.none.code);
    // From v2 on there is one result for all: the first failure, because nothing of the request is applied then.
    const whole =
      caller.apiVersion >= 2 && failed !== undefined ? failed : { errorCode: 0, errorMessage: null };
    return {
      throttleTimeMs: 0,
      errorCode: whole.errorCode,
      errorMessage: whole.errorMessage,
      results: results.map(({ name, errorCode, errorMessage }) => ({
        feature: name,
        errorCode,
        errorMessage,
      })),
    };
  },
  refuse: (_request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    errorCode,
    errorMessage,
    results: [],
  }),
});
