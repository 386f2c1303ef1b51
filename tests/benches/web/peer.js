// transformers.js in a worker of its own, on wasm with one thread: posts every new token as it comes.
import { AutoModelForCausalLM, Tensor, env } from './peer/transformers.min.js';

// The page hears of errors alone, not of promises that nobody waits for.
onunhandledrejection = ({ reason }) => postMessage({ error: String(reason) });

const beside = (path) => new URL(path, import.meta.url).href;
env.allowLocalModels = true;
env.allowRemoteModels = false;
env.localModelPath = beside('./');
env.useBrowserCache = false;
env.useWasmCache = false;
Object.assign(env.backends.onnx.wasm, {
  numThreads: 1,
  // The build that transformers.js takes by itself, from a content delivery network.
  wasmPaths: {
    mjs: beside('peer/ort-wasm-simd-threaded.asyncify.mjs'),
    wasm: beside('peer/ort-wasm-simd-threaded.asyncify.wasm'),
  },
});

const row = (values) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
const options = { device: 'wasm', dtype: 'fp32', local_files_only: true };
const model = await AutoModelForCausalLM.from_pretrained('exported', options);

onmessage = async ({ data: { prompt, count } }) => {
  let seen = false;
  const streamer = {
    put([ids]) {
      // The prompt comes first.
      if (seen) postMessage({ token: Number(ids[0]) });
      seen = true;
    },
    end() {},
  };
  await model.generate({
    input_ids: row(prompt),
    attention_mask: row(prompt.map(() => 1)),
    max_new_tokens: count,
    do_sample: false,
    streamer,
  });
  postMessage({ end: true });
};
postMessage({ loaded: true });
