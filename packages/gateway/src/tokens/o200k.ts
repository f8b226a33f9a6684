// The only vocabulary in use. The build bundles it: see build/tokeniser.ts.
export { clearMergeCache, encodeGenerator } from 'gpt-tokenizer/encoding/o200k_base'
