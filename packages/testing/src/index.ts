export type { Answer, ToolCall } from './core/answer.ts'
export type { LangfuseFault } from './langfuse/faults.ts'
export {
  type FakeLangfuse,
  type FakeLangfuseOptions,
  type LangfuseRequest,
  type LangfuseVersion,
  startFakeLangfuse,
} from './langfuse/server.ts'
export type { LangfuseObservation, LangfuseScore, LangfuseTrace } from './langfuse/trace-store.ts'
export type { Fault, StatusFault } from './openai/faults.ts'
export type { FakeRequest, FakeRequestFilter } from './openai/request.ts'
export { type FakeOpenAI, type FakeOpenAIOptions, startFakeOpenAI } from './openai/server.ts'
