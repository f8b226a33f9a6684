import { isObject, isSet, type Json, type JsonObject, list, object, text } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { OPERATIONS } from '../operations/operations.ts'

/**
 * Returns the tokens of one image for gpt-4o-mini, the model tried first: 2,833, and at high detail 5,667 more for
 * each tile of 512 pixels. So any image exceeds a limit of 2,000 tokens and escalates; mini bills an image at the
 * price gpt-4o does, so nothing is lost. Images are scaled down, never up: into 2,048 by 2,048, then to a shortest
 * side of 768. Source: OpenAI, "Images and vision", calculating costs.
 */
export function imageTokens(url: string, detail: string, unknown: Size = ASSUMED_SIZE): number {
  if (detail === 'low') return BASE
  const { width, height } = sizeOf(url) ?? unknown
  const fit = Math.min(1, 2048 / Math.max(width, height))
  const shortest = Math.min(1, 768 / Math.min(width * fit, height * fit))
  const tiles = (side: number) => Math.max(1, Math.ceil(Math.round(side * fit * shortest) / 512))
  return BASE + PER_TILE * tiles(width) * tiles(height)
}

type Size = { width: number; height: number }

const BASE = 2_833
const PER_TILE = 5_667
/** Assumed for remote images, which are not fetched. */
const ASSUMED_SIZE = { width: 1024, height: 1024 }
/** Eight tiles, the most an image can have. */
const LARGEST_SIZE = { width: 768, height: 2048 }

/**
 * Corrects the byte count of a body as a bound of its tokens. `bytes`: size of images, audio and files, which are
 * counted by other measures than length. `tokens`: what those measures may miss; unmeasured images count at their
 * largest, and content from elsewhere (earlier turns, templates, stored files, hosted tools) fills the context
 * window. Items and parts are checked against lists of self-contained ones, so that future additions of OpenAI count
 * as references.
 */
export function hiddenSize(
  operation: Operation,
  body: JsonObject,
  window: number,
): { bytes: number; tokens: number } {
  let bytes = 0
  let tokens = 0
  if (OPERATIONS[operation].input.kind !== 'turns') return { bytes, tokens }
  let hasReferences = referencesStoredContent(body)
  for (const item of [...list(body.messages), ...list(body.input)]) {
    hasReferences ||= !isSelfContained(object(item))
    for (const part of [...partsOf(object(item).content), ...partsOf(object(item).output)]) {
      const { type, image_url, detail, input_audio, file, file_data } = object(part)
      if (IMAGES.has(text(type))) {
        const nested = object(image_url)
        const url = text(isObject(image_url) ? nested.url : image_url)
        const size = text(nested.detail ?? detail)
        if (url.startsWith('data:')) bytes += url.length
        tokens +=
          imageTokens(url, size, LARGEST_SIZE) - (COUNTED.has(text(type)) ? imageTokens(url, size) : 0)
      } else if (isSet(input_audio)) bytes += text(object(input_audio).data).length
      else if (isSet(file) || type === 'input_file') {
        bytes += text(object(file).file_data ?? file_data).length
        hasReferences = true
      } else hasReferences ||= isSet(type) && !INLINE_PARTS.has(text(type))
    }
  }
  return { bytes, tokens: tokens + (hasReferences ? window : 0) }
}

/** Images that `inputOf` counts, and those it does not. */
const COUNTED = new Set(['image_url', 'input_image'])
const IMAGES = new Set([...COUNTED, 'computer_screenshot'])
/** Parts whose text is in the request. */
const INLINE_PARTS = new Set([
  'text',
  'input_text',
  'output_text',
  'refusal',
  'summary_text',
  'reasoning_text',
])
/** Items whose content is in the request. */
const INLINE_ITEMS = new Set([
  'message',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
  'computer_call_output',
])

const partsOf = (content: Json | undefined): Json[] => (isObject(content) ? [content] : list(content))

/** Reasoning without its content, and audio named by an id, are loaded by upstream from its own storage. */
function isSelfContained({ type, role, audio, encrypted_content }: JsonObject): boolean {
  if (isSet(audio)) return false
  if (type === 'reasoning') return isSet(encrypted_content)
  return isSet(type) ? INLINE_ITEMS.has(text(type)) : isSet(role)
}

/** Only tools that the caller runs add no content from elsewhere. `data_sources` are Azure's. */
function referencesStoredContent({
  previous_response_id,
  conversation,
  prompt,
  web_search_options,
  data_sources,
  tools,
}: JsonObject) {
  return (
    [previous_response_id, conversation, prompt, web_search_options, data_sources].some(isSet) ||
    !list(tools).every(isCallerTool)
  )
}

/** Whether a tool is run by the caller and fully described by the request. */
export function isCallerTool(tool: Json): boolean {
  const type = text(object(tool).type)
  return type === 'namespace'
    ? list(object(tool).tools).every(isCallerTool)
    : type === 'function' || type === 'custom'
}

/**
 * Returns width and height in pixels of a PNG, GIF, WebP or JPEG in a data URL; `undefined` if its header does not
 * tell.
 */
function sizeOf(url: string): Size | undefined {
  const comma = url.indexOf(';base64,')
  if (!url.startsWith('data:image/') || comma === -1) return undefined
  // A photograph's profile and preview come before its size.
  const head = Buffer.from(url.slice(comma + 8, comma + 8 + 262_144), 'base64')
  const size = head.length < 30 ? undefined : (png(head) ?? gif(head) ?? webp(head) ?? jpeg(head))
  return size && size.width > 0 && size.height > 0 ? size : undefined
}

const ascii = (bytes: Buffer, from: number, to: number) => bytes.toString('latin1', from, to)

const png = (bytes: Buffer): Size | undefined =>
  ascii(bytes, 1, 4) === 'PNG' ? { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) } : undefined

const gif = (bytes: Buffer): Size | undefined =>
  ascii(bytes, 0, 3) === 'GIF' ? { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) } : undefined

/** Lossy, lossless and extended files keep their size in different places. Source: RFC 9649. */
function webp(bytes: Buffer): Size | undefined {
  if (ascii(bytes, 0, 4) !== 'RIFF' || ascii(bytes, 8, 12) !== 'WEBP') return undefined
  const chunk = ascii(bytes, 12, 16)
  if (chunk === 'VP8 ')
    return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff }
  if (chunk === 'VP8X') return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 }
  if (chunk !== 'VP8L') return undefined
  const bits = bytes.readUInt32LE(21)
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
}

/** The frame header is the first segment SOF0 to SOF15 that is not a table. */
function jpeg(bytes: Buffer): Size | undefined {
  if (bytes.readUInt16BE(0) !== 0xffd8) return undefined
  let at = 2
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (isFrame) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) }
    at += 2 + bytes.readUInt16BE(at + 2)
  }
  return undefined
}
