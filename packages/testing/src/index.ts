export type { Fault } from './faults.ts'
export type { Answer, ToolCall } from './model.ts'
export {
  type FakeFilter,
  type FakeOpenAI,
  type FakeOptions,
  type FakeRequest,
  startFakeOpenAI,
} from './server.ts'
