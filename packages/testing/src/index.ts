export type { Answer, ToolCall } from './answer.ts'
export type { Fault, StatusFault } from './faults.ts'
export type { LangfuseFault } from './langfuse/faults.ts'
export type { LangfuseObservation, LangfuseScore, LangfuseTrace } from './langfuse/ledger.ts'
export {
  type FakeLangfuse,
  type FakeLangfuseOptions,
  type LangfuseRequest,
  type LangfuseVersion,
  startFakeLangfuse,
} from './langfuse/server.ts'
export type { FakeFilter, FakeRequest } from './request.ts'
export { type FakeOpenAI, type FakeOptions, startFakeOpenAI } from './server.ts'
