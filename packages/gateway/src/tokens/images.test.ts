import { expect, test } from 'vitest'
import { imageTokens } from './images.ts'

const url = (bytes: Buffer, type: string) => `data:image/${type};base64,${bytes.toString('base64')}`
const at = (size: number, fill: (bytes: Buffer) => void) => {
  const bytes = Buffer.alloc(size)
  fill(bytes)
  return bytes
}
const png = (width: number, height: number) =>
  url(
    at(64, (b) => b.writeUInt32BE(0x89504e47) && b.writeUInt32BE(width, 16) && b.writeUInt32BE(height, 20)),
    'png',
  )
const gif = at(64, (b) => b.write('GIF89a') && b.writeUInt16LE(600, 6) && b.writeUInt16LE(500, 8))
const webp = (chunk: string, fill: (bytes: Buffer) => void) =>
  url(
    at(64, (b) => b.write('RIFF') && b.write('WEBP', 8) && b.write(chunk, 12) && fill(b)),
    'webp',
  )
const jpeg = (before: number) =>
  at(before + 64, (b) => {
    b.writeUInt32BE(0xffd8ffe1)
    b.writeUInt16BE(before, 4)
    b.writeUInt32BE(0xffc00011, 4 + before)
    b.writeUInt16BE(500, 9 + before)
    b.writeUInt16BE(600, 11 + before)
  })
const tiles = (count: number) => 2_833 + 5_667 * count

test.each([
  ['1024 x 1024, the example of the price list', png(1024, 1024), 4],
  ['2048 x 4096, the example of the price list', png(2048, 4096), 6],
  ['512 x 512 is one tile, not scaled up', png(512, 512), 1],
  ['513 x 512 is two', png(513, 512), 2],
  ['a line is not scaled away', png(1, 4096), 4],
  ['the largest there is', png(768, 2048), 8],
  ['a remote image counts as 1024 x 1024', 'https://a.test/b.png', 4],
  ['a broken one, too', 'data:image/png;base64,AAAA', 4],
  ['sizes of zero, too', png(0, 0), 4],
  ['GIF', url(gif, 'gif'), 2],
  ['WebP, lossy', webp('VP8 ', (b) => b.writeUInt16LE(600, 26) && b.writeUInt16LE(500, 28)), 2],
  ['WebP, lossless', webp('VP8L', (b) => b.writeUInt32LE(599 | (499 << 14), 21)), 2],
  ['WebP, extended', webp('VP8X', (b) => b.writeUIntLE(599, 24, 3) && b.writeUIntLE(499, 27, 3)), 2],
  ['JPEG', url(jpeg(16), 'jpeg'), 2],
  ['JPEG behind a large profile', url(jpeg(60_000), 'jpeg'), 2],
])('%s', (_, image, count) => {
  expect(imageTokens(image, 'high')).toBe(tiles(count))
  expect(imageTokens(image, 'auto')).toBe(tiles(count))
  expect(imageTokens(image, 'low')).toBe(2_833)
})
