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

/**
 * Returns the names of tests in TypeScript code, with the lines at which they begin: a text that a call takes before a
 * function, the first text of a row, and a quoted key of a table.
 */
export function testNamesOf(name: string, code: string): Passage[] {
  const source = ts.createSourceFile(name, code, ts.ScriptTarget.Latest, true)
  const found: Passage[] = []
  const add = (node: ts.Node | undefined) => {
    if (node === undefined || !(ts.isStringLiteralLike(node) || ts.isTemplateExpression(node))) return
    const from = node.getStart(source)
    const { line } = source.getLineAndCharacterOfPosition(from)
    found.push({ line: line + 1, text: code.slice(from, node.getEnd()) })
  }
  const isFunction = (node: ts.Node) => ts.isArrowFunction(node) || ts.isFunctionExpression(node)
  const visit = (node: ts.Node) => {
    if (ts.isCallExpression(node) && node.arguments.some(isFunction)) add(node.arguments[0])
    if (ts.isArrayLiteralExpression(node)) add(node.elements[0])
    if (ts.isPropertyAssignment(node) || ts.isMethodDeclaration(node)) add(node.name)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
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
