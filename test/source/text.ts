import ts from 'typescript'

export type Passage = { line: number; text: string }

const TEXT_KINDS = new Set([
  ts.SyntaxKind.StringLiteral,
  ts.SyntaxKind.NoSubstitutionTemplateLiteral,
  ts.SyntaxKind.TemplateHead,
  ts.SyntaxKind.TemplateMiddle,
  ts.SyntaxKind.TemplateTail,
])

/** Returns the comments and string literals of TypeScript code, with the line (from 1) at which each begins. */
export function proseOf(name: string, code: string): Passage[] {
  const source = ts.createSourceFile(name, code, ts.ScriptTarget.Latest, true)
  const passages = new Map<number, Passage>()
  const add = (from: number, to: number) =>
    passages.set(from, {
      line: source.getLineAndCharacterOfPosition(from).line + 1,
      text: code.slice(from, to),
    })
  const visit = (node: ts.Node) => {
    for (const comment of ts.getLeadingCommentRanges(code, node.getFullStart()) ?? [])
      add(comment.pos, comment.end)
    for (const comment of ts.getTrailingCommentRanges(code, node.getEnd()) ?? [])
      add(comment.pos, comment.end)
    if (TEXT_KINDS.has(node.kind)) add(node.getStart(source), node.getEnd())
    for (const child of node.getChildren(source)) visit(child)
  }
  visit(source)
  return [...passages.entries()].toSorted(([a], [b]) => a - b).map(([, passage]) => passage)
}

/** Returns the identifiers of TypeScript code, private names and property names included, with their lines. */
export function identifiersOf(name: string, code: string): Passage[] {
  const source = ts.createSourceFile(name, code, ts.ScriptTarget.Latest, true)
  const found: Passage[] = []
  const visit = (node: ts.Node) => {
    if (ts.isIdentifier(node))
      found.push({
        line: source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1,
        text: node.text,
      })
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}
