import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import ts from 'typescript'

/** Where a foreign value is turned into text or a number, or asked for its class. `type`: what the compiler knows of it. */
export type Conversion = { at: string; text: string; type: string; isInspected: boolean }

const PRIMITIVE =
  ts.TypeFlags.StringLike |
  ts.TypeFlags.NumberLike |
  ts.TypeFlags.BooleanLike |
  ts.TypeFlags.BigIntLike |
  ts.TypeFlags.Undefined |
  ts.TypeFlags.Null |
  ts.TypeFlags.Void |
  ts.TypeFlags.Never |
  ts.TypeFlags.EnumLike

/**
 * Finds `String(x)`, `Number(x)`, `BigInt(x)`, `${x}`, `x + ''` and unary plus on anything that may be an object: foreign
 * JSON may hold `{ "toString": 1 }`, on which each of them throws. Finds `x instanceof C` outside a `try` on what may be
 * anything: it throws on a revoked proxy, which a program may throw.
 */
export function conversions(config: string, within: RegExp, more: string[] = []): Conversion[] {
  const { config: json } = ts.readConfigFile(config, (path) => readFileSync(path, 'utf8'))
  const { fileNames, options } = ts.parseJsonConfigFileContent(json, ts.sys, dirname(config))
  const own = fileNames.filter((name) => within.test(name) && !name.endsWith('.test.ts'))
  const files = [...own, ...more]
  const program = ts.createProgram(files, { ...options, noEmit: true })
  const checker = program.getTypeChecker()
  const found: Conversion[] = []

  for (const name of files) {
    const source = program.getSourceFile(name)
    if (source !== undefined) visit(source, source)
  }
  return found

  function visit(node: ts.Node, source: ts.SourceFile) {
    for (const operand of foreignIn(node)) {
      const type = checker.getTypeAtLocation(operand)
      const { line } = source.getLineAndCharacterOfPosition(operand.getStart())
      const at = `${source.fileName.replace(/^.*\/packages\//, 'packages/')}:${line + 1}`
      found.push({
        ...{ at, text: operand.getText(), type: checker.typeToString(type) },
        isInspected: inspected(node).length > 0,
      })
    }
    ts.forEachChild(node, (child) => visit(child, source))
  }

  function foreignIn(node: ts.Node): ts.Expression[] {
    const isAny = (operand: ts.Expression) =>
      (checker.getTypeAtLocation(operand).flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) !== 0
    return [
      ...converted(node).filter((operand) => !isPrimitive(checker.getTypeAtLocation(operand))),
      ...(isCaught(node) ? [] : inspected(node).filter(isAny)),
    ]
  }

  function isPrimitive(type: ts.Type): boolean {
    if (type.isUnion()) return type.types.every(isPrimitive)
    // A brand: `number & { ... }`.
    if (type.isIntersection()) return type.types.some(isPrimitive)
    if (type.flags & ts.TypeFlags.TypeParameter) {
      const bound = checker.getBaseConstraintOfType(type)
      return bound !== undefined && isPrimitive(bound)
    }
    return (type.flags & PRIMITIVE) !== 0
  }
}

const CONVERTERS = new Set(['String', 'Number', 'BigInt'])

/** What of a node is converted by it. */
function converted(node: ts.Node): ts.Expression[] {
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && CONVERTERS.has(node.expression.text))
    return node.arguments.slice(0, 1)
  if (ts.isTemplateExpression(node) && !ts.isTaggedTemplateExpression(node.parent))
    return node.templateSpans.map(({ expression }) => expression)
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.PlusToken) return [node.operand]
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken)
    return [node.left, node.right]
  return []
}

/** What of a node is asked for its class. */
const inspected = (node: ts.Node): ts.Expression[] =>
  ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword
    ? [node.left]
    : []

/** Whether the function of a node catches what the node throws. */
function isCaught(node: ts.Node): boolean {
  for (let at = node; at.parent !== undefined && !ts.isFunctionLike(at); at = at.parent) {
    const { parent } = at
    if (ts.isTryStatement(parent) && parent.tryBlock === at && parent.catchClause !== undefined) return true
  }
  return false
}
