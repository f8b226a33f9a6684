-- Index for readers that follow rows in the order of their arrival: `llm-gateway usage tail | export`. May be run again.
-- Writers wait while it is built, some seconds for a million rows; gateways queue or spill their rows meanwhile.
create index if not exists llm_usage_arrival on public.llm_usage (written_at, request_id);
