import type { SinkBackend } from '../backend.ts'
import { type LangfuseOptions, type LangfuseSettings, langfuseSchema, langfuseSettings } from './options.ts'
import { createLangfuseSink } from './sink.ts'

export const langfuse: SinkBackend<LangfuseOptions, LangfuseSettings> = {
  schema: langfuseSchema,
  settingsFrom: langfuseSettings,
  create: createLangfuseSink,
}
