import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const SOURCES = [
  'config/options.ts',
  'core/policy.ts',
  'core/record.ts',
  'core/usage.ts',
  'litellm/options.ts',
  'semantic/options.ts',
  'sinks/langfuse/options.ts',
  'sinks/metrics/options.ts',
  'sinks/otel/options.ts',
  'sinks/supabase/options.ts',
]

/** `path`: as in JSON, with `<name>` for the keys of a record. `default`: text after `@default`, empty without one. */
export type Field = { path: string; default: string; isOptional: boolean }

/**
 * Lists the fields of a type of the sources above, with those of its members. A type that occurs again is listed at its first
 * place only.
 */
export function fieldsOf(type: string): Field[] {
  const types = new Map(SOURCES.flatMap(typesIn))
  const listed = new Set<string>()
  const fields: Field[] = []
  visit(ts.factory.createTypeReferenceNode(type), '')
  if (fields.length === 0) throw new Error(`there is no type ${type} with fields`)
  return fields

  function visit(node: ts.TypeNode, prefix: string): void {
    if (ts.isUnionTypeNode(node)) for (const each of node.types) visit(each, prefix)
    if (ts.isArrayTypeNode(node)) visit(node.elementType, `${prefix.slice(0, -1)}[].`)
    if (ts.isTypeLiteralNode(node)) for (const member of node.members) add(member, prefix)
    if (!ts.isTypeReferenceNode(node) || !ts.isIdentifier(node.typeName)) return
    const name = node.typeName.text
    const [key, value] = node.typeArguments ?? []
    if (name === 'Record' && key !== undefined && value !== undefined) visit(value, `${prefix}<name>.`)
    const target = types.get(name)
    if (target === undefined || listed.has(name)) return
    listed.add(name)
    visit(target, prefix)
  }

  function add(member: ts.TypeElement, prefix: string): void {
    if (!ts.isPropertySignature(member) || !ts.isIdentifier(member.name) || member.type === undefined) return
    const path = prefix + member.name.text
    const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default')
    const text = ts.getTextOfJSDocComment(tag?.comment) ?? ''
    fields.push({
      path,
      default: text.replaceAll(/\s+/g, ' '),
      isOptional: member.questionToken !== undefined,
    })
    visit(member.type, `${path}.`)
  }
}

function typesIn(file: string): [name: string, type: ts.TypeNode][] {
  const path = fileURLToPath(new URL(`../packages/gateway/src/${file}`, import.meta.url))
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ESNext, true)
  return source.statements
    .filter(ts.isTypeAliasDeclaration)
    .map(({ name, type }): [string, ts.TypeNode] => [name.text, type])
}
