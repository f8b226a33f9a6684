import { isObject, type Json, list, object } from '../core/json.ts'

/**
 * Known types of content parts. A part of any other type may reference content stored elsewhere, which may change
 * while the request stays the same.
 */
const PARTS = new Set([
  'text',
  'input_text',
  'output_text',
  'summary_text',
  'reasoning_text',
  'refusal',
  'image_url',
  'input_image',
  'input_audio',
  'file',
  'input_file',
])

/** Members that name content by an id. */
const IDS = new Set(['id', 'file_id', 'file_ids', 'image_id', 'audio_id', 'video_id', 'asset_id'])

/** Members that hold content or its address. Only values that begin with `data:` hold it for certain. */
const LOCATIONS = new Set([
  'url',
  'uri',
  'image_url',
  'video_url',
  'audio_url',
  'file_url',
  'document_url',
  'media_url',
  'file_uri',
  'fileUri',
])

/** Members that are plain words: an address in them is part of the question. */
const WORDS = new Set([
  'type',
  'text',
  'refusal',
  'name',
  'filename',
  'title',
  'detail',
  'format',
  'mime_type',
])
/** Members that describe earlier answers; upstream does not look them up. */
const DESCRIPTIVE = new Set(['annotations', 'logprobs', 'prompt_cache_breakpoint', 'cache_control'])

/** An address of any scheme; base64 has no colon. */
const ADDRESS = /^\s*(?:[a-z][\w+.-]*:|\/\/)/i
const isData = (text: string) => /^data:/i.test(text)

/** Whether a content part references content stored elsewhere: by address, by id, or in an unknown way. */
export function referencesContent(part: Json): boolean {
  if (!isObject(part)) return false
  const { type } = part
  if (type !== undefined && (typeof type !== 'string' || !PARTS.has(type))) return true
  return hasReference(part)
}

/** The same for other members of a message, such as an assistant's audio. */
export function hasReference(value: Json | undefined): boolean {
  return Object.entries(object(value)).some(([name, each]) => {
    if (each === null || DESCRIPTIVE.has(name)) return false
    if (IDS.has(name)) return true
    if (typeof each === 'string')
      return LOCATIONS.has(name) ? !isData(each) : !WORDS.has(name) && isExternal(each)
    return Array.isArray(each) ? list(each).some(hasReference) : hasReference(each)
  })
}

const isExternal = (text: string) => ADDRESS.test(text) && !isData(text)
