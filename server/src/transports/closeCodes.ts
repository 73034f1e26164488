/** Close codes of RFC 6455, and 1013 of its registry. */
export const closeCodes = { goingAway: 1001, unsupportedData: 1003, policy: 1008, tryAgainLater: 1013 } as const;
