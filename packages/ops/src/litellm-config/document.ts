import { type Document, isMap, isNode, isScalar, isSeq, type Pair } from 'yaml'

/**
 * Puts a comment above the member at `path`. Each line of `text` begins with a space.
 *
 * @throws RangeError where there is no such member
 */
export function comment(document: Document, path: string[], text: string): void {
  const { key } = pairAt(document, path)
  if (isNode(key)) key.commentBefore = text
}

/** Puts a comment below the last member of the mapping at `path`; none where `text` is empty. */
export function trailingComment(document: Document, path: string[], text: string): void {
  const node = document.getIn(path, true)
  if (text !== '' && isMap(node)) node.comment = text
}

/** Writes the sequence at `path` on one line, if there is one. */
export function flowSequence(document: Document, path: string[]): void {
  const node = document.getIn(path, true)
  if (isSeq(node)) node.flow = true
}

/** Puts a blank line above each member of the document's top level but the first. */
export function separateSections({ contents }: Document): void {
  if (!isMap(contents)) return
  for (const { key } of contents.items.slice(1)) if (isNode(key)) key.spaceBefore = true
}

function pairAt(document: Document, path: string[]): Pair {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  const pair = isMap(parent)
    ? parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1))
    : undefined
  if (pair === undefined) throw new RangeError(`the document has no member ${path.join('.')}`)
  return pair
}
