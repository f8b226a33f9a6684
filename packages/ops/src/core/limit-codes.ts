/** Refusal codes of limits, with the limit's name. */
export const LIMITS: Record<string, string> = {
  gateway_rpm_exceeded: 'requests a minute',
  gateway_tpm_exceeded: 'tokens a minute',
  gateway_daily_usd_exceeded: 'dollars a day',
  gateway_queue_full: 'full queue',
}
