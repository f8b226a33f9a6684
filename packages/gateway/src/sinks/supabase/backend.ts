import type { SinkBackend } from '../backend.ts'
import { type SupabaseOptions, type SupabaseSettings, supabaseSchema, supabaseSettings } from './options.ts'
import { createSupabaseSink } from './sink.ts'

export const supabase: SinkBackend<SupabaseOptions, SupabaseSettings> = {
  schema: supabaseSchema,
  settingsFrom: supabaseSettings,
  create: createSupabaseSink,
}
