/** Counters of the stand-alone agent: those of SNMPv2-MIB and of the user-based security model, and ours. */
export interface SnmpCounters {
  inPackets: number;
  badVersions: number;
  badCommunities: number;
  badCommunityUses: number;
  parseErrors: number;
  /** Variables answered. */
  variables: number;
  setsAccepted: number;
  setsRefused: number;
  readonly usm: {
    unsupportedSecLevels: number;
    notInTimeWindows: number;
    unknownUserNames: number;
    unknownEngineIds: number;
    wrongDigests: number;
    decryptionErrors: number;
    unknownContexts: number;
  };
}

export function newSnmpCounters(): SnmpCounters {
  return {
    inPackets: 0,
    badVersions: 0,
    badCommunities: 0,
    badCommunityUses: 0,
    parseErrors: 0,
    variables: 0,
    setsAccepted: 0,
    setsRefused: 0,
    usm: {
      unsupportedSecLevels: 0,
      notInTimeWindows: 0,
      unknownUserNames: 0,
      unknownEngineIds: 0,
      wrongDigests: 0,
      decryptionErrors: 0,
      unknownContexts: 0,
    },
  };
}
