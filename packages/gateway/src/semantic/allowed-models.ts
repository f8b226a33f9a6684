import type { Call } from '../core/call.ts'
import type { SemanticPlan } from '../core/caller.ts'

/**
 * Warns once for each team whose `models` exclude a model that its semantic cache calls: such calls are refused, so that the
 * cache finds nothing, or learns nothing.
 * @param embedding Model of upstream's embeddings API; `undefined` with an embedder of the program.
 */
export function warnForbiddenModels(
  { caller: { team, models }, policy }: Call,
  { judge }: SemanticPlan,
  embedding: string | undefined,
): void {
  if (models === undefined) return
  if (embedding !== undefined && !models.has(embedding)) warn('embedding', embedding, 'serves nothing')
  if (judge !== undefined && judge.rate > 0 && !models.has(judge.model))
    warn('judge', judge.model, 'does not learn')

  function warn(kind: string, model: string, effect: string) {
    policy.warn(
      'GW_SEMANTIC_MODEL_NOT_ALLOWED',
      `team ${team} may not use ${JSON.stringify(model)}, the ${kind} model of its semantic cache, which therefore ${effect}: ` +
        `add it to teams[${JSON.stringify(team)}].models, or to models where the team has no list`,
    )
  }
}
