/**
 * Returns a text as people read it: compatibility forms unified (NFKC), characters without a glyph removed, typographic
 * quotation marks replaced, and blanks collapsed.
 */
export function plainText(text: string): string {
  const unified = text.normalize('NFKC').replace(/\p{Cf}+/gu, '')
  return unified
    .replace(/[‘’‛ʼ`´]/g, "'")
    .replace(/[“”„]/g, '"')
    .replace(/\s+/g, ' ')
    .trim()
}
