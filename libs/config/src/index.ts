/**
 * The configuration of a node: the language of keepalived.conf (parseKeepalivedConfig), its typed model with every default
 * in place, the difference of two models (diffConfigs), and our own agent.yaml (parseAgentFile).
 *
 * Pure: other files come through a FileLoader, and nothing is looked up on the host: interfaces, users and scripts are
 * taken as they are named, and checkHost compares them with facts that a node has gathered (hostQuestions says which). Every keyword of keepalived is known; the ones without effect yet say so.
 *
 * describeLanguage lists the language as the parser's tables have it; docs/configuration.md is made from it.
 *
 * Call order: parseKeepalivedConfig → show the diagnostics by formatDiagnostic → when isUsable, diffConfigs against what
 * runs and apply.
 */
export {
  type Diagnostic,
  type DiagnosticKind,
  type Position,
  type Severity,
  formatDiagnostic,
  formatDiagnosticWithSource,
} from './diagnostics.ts';
export { type ParseInput, type ParseResult, isUsable, parseKeepalivedConfig } from './parse.ts';
export { type FileLoader, type LoadedFile, filesInMemory, noFiles } from './syntax/files.ts';
export { type Disk, MAX_FILE_BYTES, filesOnDisk, readWithin } from './syntax/files-on-disk.ts';
export { ReadingMemory } from './syntax/reading-memory.ts';
export { preprocessing } from './syntax/preprocessing.ts';
export { DEFAULT_LIMITS, type Limits } from './syntax/limits.ts';
export type { Account, Command } from './grammar/readers.ts';
export {
  type AgentFile,
  type AgentFileProblem,
  type AgentFileResult,
  DEFAULT_GOSSIP_PORT,
  agentFileSchema,
  DEFAULT_METRICS_PORT,
  formatAgentFileProblem,
  parseAgentFile,
} from './agent/agent-file.ts';
export type { SnmpSettings } from './agent/snmp-settings.ts';
export { type HostFacts, type ProgramFact, hostFactsSchema } from './host/host-facts.ts';
export { type HostQuestions, hostQuestions } from './host/host-questions.ts';
export { checkHost } from './host/check-host.ts';
export { maskSecrets } from './secrets.ts';
export { writeKeepalivedConfig } from './write/write-config.ts';
export { meaningText } from './write/meaning.ts';
export { type ConfigDiff, type ChangedItem, type ListDiff, diffConfigs, isEmptyDiff } from './diff.ts';
export { type BlockDescription, type KeywordDescription, describeLanguage } from './language/language.ts';
export { type KeywordExample, keywordExamples } from './language/examples.ts';
export { OWN_VOCABULARY, VOCABULARY } from './grammar/vocabulary.ts';
export type * from './model/check.ts';
export { DEFAULT_NICE } from './model/default-nice.ts';
export type * from './model/model.ts';
export { FILTER_TABLE } from './model/nftables-checks.ts';
export type * from './model/parts.ts';
export type { Encapsulation, Hop, RouteEntry, RouteLine, RuleEntry, RuleLine } from './model/routing.ts';
export type * from './model/virtual-server.ts';
