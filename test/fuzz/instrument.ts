import ts from 'typescript'

/** A source with a counter at each branch, and the words that it compares inputs with. */
export type Instrumented = { source: string; branches: number; words: string[] }

type Insertion = { at: number; text: string }

/**
 * Adds a counter to each function, branch, loop and right operand of a TypeScript module: `__fuzz[n]++`. Types stay, and
 * no line moves, so that stacks name the lines of the file.
 *
 * @param first number of the first counter
 */
export function instrument(source: string, first: number): Instrumented {
  const file = ts.createSourceFile('module.ts', source, ts.ScriptTarget.Latest, true)
  const insertions: Insertion[] = []
  const words = new Set<string>()
  let next = first

  const count = () => `__fuzz[${next++}]++`
  const insert = (at: number, text: string) => void insertions.push({ at, text })
  const wrapped = (node: ts.Node, before: string, after: string) => {
    insert(node.getStart(file), before)
    visit(node)
    insert(node.getEnd(), after)
  }
  const expression = (node: ts.Expression) => wrapped(node, `(${count()},`, ')')
  const block = (node: ts.Block) => {
    insert(node.getStart(file) + 1, `${count()};`)
    visit(node)
  }
  const statement = (node: ts.Statement) =>
    ts.isBlock(node) ? block(node) : wrapped(node, `{${count()};`, '}')

  function visit(node: ts.Node) {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return
    if (ts.isStringLiteralLike(node) && node.text.length > 1 && node.text.length <= 40) words.add(node.text)
    if (ts.isPropertyAssignment(node) || ts.isPropertyAccessExpression(node))
      if (ts.isIdentifier(node.name)) words.add(node.name.text)
    node.forEachChild((child) => {
      if (isBranchOf(node, child)) expression(child as ts.Expression)
      else if (isBodyOf(node, child)) statement(child as ts.Statement)
      else if (ts.isBlock(child) && (ts.isFunctionLike(node) || ts.isCatchClause(node))) block(child)
      else visit(child)
    })
    if (ts.isCaseOrDefaultClause(node)) insert(node.statements.pos, `${count()};`)
  }

  visit(file)
  const sorted = insertions.toSorted((a, b) => a.at - b.at)
  const parts = [`const __fuzz = globalThis.__fuzz;`]
  let from = 0
  for (const { at, text } of sorted) {
    parts.push(source.slice(from, at), text)
    from = at
  }
  parts.push(source.slice(from))
  return { source: parts.join(''), branches: next - first, words: [...words] }
}

const OPERATORS = new Set<ts.SyntaxKind>([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
])

function isBranchOf(node: ts.Node, child: ts.Node): boolean {
  if (ts.isConditionalExpression(node)) return child === node.whenTrue || child === node.whenFalse
  if (ts.isBinaryExpression(node)) return child === node.right && OPERATORS.has(node.operatorToken.kind)
  return ts.isArrowFunction(node) && child === node.body && !ts.isBlock(child)
}

function isBodyOf(node: ts.Node, child: ts.Node): boolean {
  if (ts.isIfStatement(node)) return child === node.thenStatement || child === node.elseStatement
  return ts.isIterationStatement(node, false) && child === node.statement
}
