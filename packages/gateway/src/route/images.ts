/**
 * Tokens of one image for gpt-4o-mini, the model that would be asked first: 2,833, and at high detail 5,667 for each
 * tile of 512 pixels besides. By these figures any image is beyond a limit of 2,000 tokens and escalates; mini bills
 * an image at the price gpt-4o does, so nothing is lost. Source: OpenAI, "Images and vision", calculating costs.
 */
export function imageTokens(url: string, detail: string): number {
  if (detail === 'low') return BASE
  const { width, height } = sizeOf(url) ?? UNKNOWN
  const fit = Math.min(1, 2048 / Math.max(width, height))
  const shortest = Math.min(1, 768 / Math.min(width * fit, height * fit))
  const tiles = Math.ceil((width * fit * shortest) / 512) * Math.ceil((height * fit * shortest) / 512)
  return BASE + PER_TILE * Math.max(1, tiles)
}

const BASE = 2_833
const PER_TILE = 5_667
/** Remote images are not fetched to be measured. */
const UNKNOWN = { width: 1024, height: 1024 }

type Size = { width: number; height: number }

/** Width and height of a PNG, GIF or JPEG in a data URL. */
function sizeOf(url: string): Size | undefined {
  const comma = url.indexOf(';base64,')
  if (!url.startsWith('data:image/') || comma === -1) return undefined
  const head = Buffer.from(url.slice(comma + 8, comma + 8 + 65_536), 'base64')
  const size = head.length < 24 ? undefined : (png(head) ?? gif(head) ?? jpeg(head))
  return size && size.width > 0 && size.height > 0 ? size : undefined
}

const png = (bytes: Buffer): Size | undefined =>
  bytes.readUInt32BE(0) === 0x89504e47
    ? { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) }
    : undefined

const gif = (bytes: Buffer): Size | undefined =>
  bytes.toString('latin1', 0, 3) === 'GIF'
    ? { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) }
    : undefined

/** The frame header is the first segment SOF0 to SOF15 that is not a table. */
function jpeg(bytes: Buffer): Size | undefined {
  if (bytes.readUInt16BE(0) !== 0xffd8) return undefined
  let at = 2
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
    if (isFrame) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) }
    at += 2 + bytes.readUInt16BE(at + 2)
  }
  return undefined
}
