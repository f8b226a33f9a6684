import type { OnnxModel } from './model.ts'

/**
 * all-MiniLM-L6-v2: English, 23 million parameters, Apache-2.0. 23 MB with int8 weights. Its vectors can be cut, though it
 * was not trained for that.
 */
export const MINILM: OnnxModel = {
  name: 'all-minilm-l6-v2',
  dimensions: 384,
  maxTokens: 256,
  pooling: 'mean',
  shorter: [256],
  check: {
    texts: ['How do I reset my password?', 'I forgot my password, how can I change it?'],
    cosine: 0.894,
  },
  // Of 16 settings the one with most hits on one half of Banking77 and of CLINC150, at an upper bound of 0.7 % wrong hits;
  // chosen by test/bench/semantic/tune.ts.
  calibration: {
    minSimilarity: 0.97,
    minConfidence: 0.7,
    minConsensusSimilarity: 0.5,
    bandwidth: 0.16,
    priorSimilarity: 0.5,
  },
  hub: {
    repository: 'Xenova/all-MiniLM-L6-v2',
    revision: '751bff37182d3f1213fa05d7196b954e230abad9',
    model: {
      path: 'onnx/model_quantized.onnx',
      sha256: 'afdb6f1a0e45b715d0bb9b11772f032c399babd23bfc31fed1c170afc848bdb1',
      bytes: 22_972_370,
    },
    tokenizer: {
      path: 'tokenizer.json',
      sha256: 'da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0',
      bytes: 711_661,
    },
  },
}
