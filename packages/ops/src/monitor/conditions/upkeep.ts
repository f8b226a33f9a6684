import { counted } from '../../cli/format.ts'
import type { Condition } from './condition.ts'

const DAY_MS = 86_400_000

/** Rows for Supabase that wait in Redis; beyond its bound, rows are dropped. */
export const waitingRows: Condition = {
  name: 'rows-waiting',
  title: 'Usage rows waiting',
  severity: 'warning',
  unit: 'rows',
  forSeconds: ({ waitingRows }) => waitingRows.forSeconds,
  evaluate({ waitingRows: value }, { waitingRows: { rows } }) {
    if (value === undefined) return undefined
    const text = `${counted(value, 'row waits', 'rows wait')} in Redis for Supabase. When there is no more room, rows are dropped.`
    return [{ isActive: value > rows, value, threshold: rows, text }]
  },
}

export const policyRefused: Condition = {
  name: 'policy-refused',
  title: 'Live policy refused',
  severity: 'critical',
  unit: 'state',
  forSeconds: () => 0,
  evaluate({ policyTrouble }) {
    if (policyTrouble === undefined) return undefined
    const isActive = policyTrouble !== ''
    const text = isActive
      ? `Processes refuse the live policy in Redis and keep the one before it: ${policyTrouble}.`
      : 'The live policy is valid.'
    return [{ isActive, value: isActive ? 1 : 0, threshold: 1, text }]
  },
}

/** Secrets that are older than the plan allows. */
export const rotationDue: Condition = {
  name: 'rotation-due',
  title: 'Key rotation due',
  severity: 'warning',
  unit: 'days',
  forSeconds: () => 0,
  evaluate: ({ rotated, now }, { rotation: { days } }) =>
    rotated &&
    Object.entries(rotated).map(([secret, at]) => {
      const value = Math.floor((now - at) / DAY_MS)
      return {
        labels: { secret },
        isActive: value >= days,
        value,
        threshold: days,
        text: `${secret} was last rotated ${counted(value, 'day')} ago; ${counted(days, 'is', 'are')} allowed.`,
      }
    }),
}

/** Certificates of the probed addresses. */
export const certificateEnding: Condition = {
  name: 'certificate-ending',
  title: 'Certificate ends',
  severity: 'warning',
  unit: 'days',
  forSeconds: () => 0,
  evaluate: ({ probes, now }, { certificate: { days } }) =>
    probes?.flatMap(({ name, certificateEndsAt }) => {
      if (certificateEndsAt === undefined) return []
      const value = Math.floor((certificateEndsAt - now) / DAY_MS)
      return [
        {
          labels: { target: name },
          severity: value < 3 ? ('critical' as const) : ('warning' as const),
          isActive: value < days,
          value,
          threshold: days,
          text: `The certificate of ${name} ends in ${counted(value, 'day')}.`,
        },
      ]
    }),
}
