// Makes bf16 models in the origin's private storage, has the shipped engine merge them into files there, and reads and writes as many
// bytes without merging. Leaves `results`, and says so in the body's `data-done`; `data-step` says what is being done.
// Settings: `tensors` of 16 MiB in each of four models, and `turns`.

const setting = (name) => Number(new URLSearchParams(location.search).get(name));
const [tensors, turns] = ['tensors', 'turns'].map(setting);
const TENSOR_BYTES = 16 * 2 ** 20;

/** What stands in front of a safetensors file's tensors. */
function header() {
  const entries = Array.from({ length: tensors }, (_, i) => [
    `model.layers.${i}.mlp.up_proj.weight`,
    { dtype: 'BF16', shape: [4096, 2048], data_offsets: [i * TENSOR_BYTES, (i + 1) * TENSOR_BYTES] },
  ]);
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const padded = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(32);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(json, 8);
  return padded;
}

/** Values around 0 as a trained model's; every tensor of a model has the same. */
function values(seed) {
  const bits = new Uint16Array(TENSOR_BYTES / 2);
  let state = seed;
  for (let i = 0; i < bits.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    // A sign, an exponent from 2⁻⁷ to 2⁰, seven bits of fraction.
    bits[i] = ((state >>> 16) & 0x8000) | ((120 + ((state >>> 27) & 7)) << 7) | ((state >>> 17) & 0x7f);
  }
  return bits;
}

async function model(root, name, seed) {
  const folder = await root.getDirectoryHandle(name, { create: true });
  const handle = await folder.getFileHandle('model.safetensors', { create: true });
  const stream = await handle.createWritable();
  await stream.write(header());
  const tensor = values(seed);
  for (let i = 0; i < tensors; i++) await stream.write(tensor);
  await stream.close();
  const config = { architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_size: 2048 };
  return {
    names: [`${name}/config.json`, `${name}/model.safetensors`],
    files: [new File([JSON.stringify(config)], 'config.json'), await handle.getFile()],
  };
}

/** A module worker that answers messages one after the other: `on` returns something at the last reply. */
function start(script) {
  const worker = new Worker(script, { type: 'module' });
  return (message, on) =>
    new Promise((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(`${script}: ${event.message ?? 'it cannot be loaded'}`));
      worker.onmessage = ({ data }) => {
        try {
          const outcome = on(data);
          if (outcome !== undefined) resolve(outcome);
        } catch (error) {
          reject(error);
        }
      };
      if (message) worker.postMessage(message);
    });
}

const RECIPE = {
  version: 1, merge_method: 'maec', base_model: 'base', ability: { model: 'a' }, reference: { model: 'b' },
  languages: [{ name: 'es', model: 'c', weight: 0.5 }],
};

async function measure() {
  const step = (name) => (document.body.dataset.step = name);
  step('models');
  const root = await navigator.storage.getDirectory();
  const models = [];
  for (const [seed, name] of ['base', 'a', 'b', 'c'].entries()) models.push(await model(root, name, seed + 1));
  step('engine');
  const post = start('../engine-own_loader.js');
  await post(null, ([json]) => JSON.parse(json).body === 'loaded' || undefined);
  let id = 0;
  const ask = (body, files = []) =>
    post([JSON.stringify({ id: ++id, body }), ...files], ([json]) => {
      const reply = JSON.parse(json).body;
      if (reply.failed) throw new Error(`${reply.failed.message} ${reply.failed.hint ?? ''}`);
      return reply.progress ? undefined : reply;
    });
  await ask({ start: { allow_software: false } });
  const items = [];
  for (const { names, files } of models) {
    items.push((await ask({ look: { place: { files: { names } } } }, files)).looked.item.id);
  }
  const config = (method, extra) =>
    `merge_method: ${method}\nbase_model: base\nmodels: [{model: a}, {model: b}, {model: c}]\nparameters: {weight: 0.4${extra}}\n`;
  const merges = {
    task_arithmetic: { config: { yaml: config('task_arithmetic', ''), items } },
    ties: { config: { yaml: config('ties', ', density: 0.5'), items } },
    maec: { recipe: { items, recipe: RECIPE } },
  };
  const plain = start('plain.js');
  await plain(null, ({ loaded }) => loaded);
  const weights = models.map(({ files }) => files[1]);
  const read = weights.reduce((sum, file) => sum + file.size, 0);
  const results = { read, written: weights[0].size, plain: [], peaks: {} };
  for (const name of Object.keys(merges)) results[name] = [];
  for (let turn = 0; turn < turns; turn++) {
    step(`plain ${turn}`);
    results.plain.push(await plain({ files: weights, write: weights[0].size }, ({ seconds }) => seconds));
    for (const [name, merging] of Object.entries(merges)) {
      step(`${name} ${turn}`);
      const request = { merging, shard_bytes: 2 ** 40, destination: 'private' };
      const { written } = await ask({ write: request });
      results[name].push(written.seconds);
      results.peaks[name] = written.peak_bytes;
    }
  }
  for await (const name of root.keys()) await root.removeEntry(name, { recursive: true });
  return results;
}

window.results = await measure().catch((error) => ({ error: String(error) }));
document.body.dataset.done = 'true';
