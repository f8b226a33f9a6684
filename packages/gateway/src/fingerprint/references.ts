import { isObject, type Json, list, object } from '../core/json.ts'

/**
 * What a content part may be. A part of any other type may stand for content that is kept elsewhere, and may change
 * under an unchanged request.
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

/** Members that hold content, or say where it is. Only what begins with `data:` is surely held. */
const PLACES = new Set([
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

/** Members that are words: an address in them is part of the question. */
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
/** Members that tell of earlier answers, and are not looked up by anybody. */
const TOLD = new Set(['annotations', 'logprobs', 'prompt_cache_breakpoint', 'cache_control'])

/** An address of any kind; base64 has no colon. */
const ADDRESS = /^\s*(?:[a-z][\w+.-]*:|\/\/)/i
const isData = (text: string) => /^data:/i.test(text)

/** Whether a content part points at content that is elsewhere: by address, by id, or in a way that is unknown. */
export function pointsElsewhere(part: Json): boolean {
  if (!isObject(part)) return false
  const { type } = part
  if (type !== undefined && (typeof type !== 'string' || !PARTS.has(type))) return true
  return refers(part)
}

/** The same of a member of a message beside its content, such as the audio that an assistant has said. */
export function refers(value: Json | undefined): boolean {
  return Object.entries(object(value)).some(([name, each]) => {
    if (each === null || TOLD.has(name)) return false
    if (IDS.has(name)) return true
    if (typeof each === 'string') return PLACES.has(name) ? !isData(each) : !WORDS.has(name) && leads(each)
    return Array.isArray(each) ? list(each).some(refers) : refers(each)
  })
}

const leads = (text: string) => ADDRESS.test(text) && !isData(text)
