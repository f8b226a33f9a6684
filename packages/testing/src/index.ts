export type { Answer, ToolCall } from './answer.ts'
export type { Fault, StatusFault } from './faults.ts'
export type { FakeFilter, FakeRequest } from './request.ts'
export { type FakeOpenAI, type FakeOptions, startFakeOpenAI } from './server.ts'
