import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import ts from 'typescript'

/** Where a value that is no primitive, as far as its type tells, is turned into text or a number. */
export type Conversion = { at: string; text: string; type: string }

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
 * JSON may hold `{ "toString": 1 }`, on which each of them throws.
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
    for (const operand of converted(node)) {
      const type = checker.getTypeAtLocation(operand)
      if (isPrimitive(type)) continue
      const { line } = source.getLineAndCharacterOfPosition(operand.getStart())
      const at = `${source.fileName.replace(/^.*\/packages\//, 'packages/')}:${line + 1}`
      found.push({ at, text: operand.getText(), type: checker.typeToString(type) })
    }
    ts.forEachChild(node, (child) => visit(child, source))
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
