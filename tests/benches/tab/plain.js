// Reads files slice by slice and writes a file of the origin's private storage, as a merge does, without merging.
const PIECE = 4 * 2 ** 20;

// Posted to nobody, a buffer's memory goes at once; left lying, it would be counted with the merges that follow.
const { port1, port2: nobody } = new MessageChannel();
port1.close();

onmessage = async ({ data: { files, write } }) => {
  const begun = performance.now();
  const reader = new FileReaderSync();
  const root = await navigator.storage.getDirectory();
  const handle = await root.getFileHandle('plain', { create: true });
  const out = await handle.createSyncAccessHandle();
  out.truncate(0);
  for (let at = 0; at < files[0].size; at += PIECE) {
    for (const file of files) {
      const bytes = reader.readAsArrayBuffer(file.slice(at, at + PIECE));
      if (file === files[0] && at < write) out.write(new Uint8Array(bytes), { at });
      nobody.postMessage(null, [bytes]);
    }
  }
  out.flush();
  out.close();
  postMessage({ seconds: (performance.now() - begun) / 1000 });
  await root.removeEntry('plain');
};

postMessage({ loaded: true });
