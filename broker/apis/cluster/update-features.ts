import { errors } from '../../../protocol/errors.ts';
import { updateFeatures } from '../../../protocol/messages/cluster/update-features.ts';
import { defineHandler } from '../handler.ts';

/** From this version on there is one result for all. */
const wholeResultVersion = 2;
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
    // Nothing of a request is applied when one update cannot be.
    if (failed !== undefined) {
      const errorMessage = `The update failed for all features since the following feature had an error: ${failed.errorMessage}`;
      return { throttleTimeMs: 0, errorCode: failed.errorCode, errorMessage, results: [] };
    }
    return {
      throttleTimeMs: 0,
      errorCode: errors.none.code,
      errorMessage: null,
      results:
        caller.apiVersion >= wholeResultVersion
          ? []
          : results.map(({ name, errorCode }) => ({
              feature: name,
              errorCode,
              errorMessage: errors.none.name,
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
