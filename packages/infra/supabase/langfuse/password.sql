-- Sets the password of langfuse_app, as a verifier: neither this file nor the server's log ever holds the password.
-- Run: llm-gateway secrets exec --app operator -- sh -c 'psql "$SUPABASE_DB_URL" -f supabase/langfuse/password.sql'
\set ON_ERROR_STOP on
\getenv verifier LANGFUSE_DB_VERIFIER
alter role langfuse_app with password :'verifier';
