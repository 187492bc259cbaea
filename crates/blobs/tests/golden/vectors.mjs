// Writes vectors.json: identifiers given by another implementation of UnixFS, with the choices that kubo makes by
// default. In a folder with the npm packages ipfs-unixfs-importer@17.1.1 and blockstore-core@7.0.1:
//   node vectors.mjs > vectors.json
// Content: byte i of a file is i mod 251. Directories shard at 256 KiB of names and identifiers, 256 children a shard.
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { MemoryBlockstore } from 'blockstore-core/memory'

const content = (bytes) => Uint8Array.from({ length: bytes }, (_, at) => at % 251)
const options = ({ version = 0, raw = version === 1, chunk = 262144 }) => ({
  cidVersion: version,
  rawLeaves: raw,
  chunker: fixedSize({ chunkSize: chunk }),
  layout: balanced({ maxChildrenPerNode: 174 }),
  shardSplitThresholdBytes: 262144,
  shardFanoutBits: 8
})

const files = []
for (const given of [
  { version: 0 }, { version: 1 }, { version: 0, raw: true }, { version: 1, raw: false }, { version: 1, chunk: 1048576 },
  { version: 0, chunk: 1024 }, { version: 1, chunk: 1024 }
]) {
  for (const bytes of [0, 1, 1024, 1025, 178176, 178177, 262144, 262145, 1000003]) {
    for await (const entry of importer([{ content: content(bytes) }], new MemoryBlockstore(), options(given))) {
      const { version, raw = version === 1, chunk = 262144 } = given
      files.push({ version, raw, chunk, bytes, cid: entry.cid.toString(), dagBytes: Number(entry.unixfs ? entry.size : bytes) })
    }
  }
}

// A tree in words: path and bytes of content; null for an empty directory.
const few = [['a.txt', 5], ['b b', 300000], ['deep/er/est/leaf', 1], ['deep/er/empty', null], ['deep/ä/☃', 7], ['A', 0]]
const many = (count, digits) => Array.from({ length: count }, (_, at) => ['name-' + String(at).padStart(digits, '0'), at % 7])
const trees = { few, flat: many(1000, 4), sharded: many(7000, 5), deeper: many(70000, 6) }
const directories = []
for (const [tree, entries] of Object.entries(trees)) {
  for (const version of [0, 1]) {
    const source = entries.map(([path, bytes]) => ({ path: 'top/' + path, content: bytes === null ? undefined : content(bytes) }))
    const given = { ...options({ version }), wrapWithDirectory: true }
    const lines = {}
    for await (const entry of importer(source, new MemoryBlockstore(), given)) {
      if (entry.unixfs?.isDirectory()) lines[entry.path ?? ''] = [entry.cid.toString(), Number(entry.size)]
    }
    directories.push({ tree, version, lines })
  }
}
console.log(JSON.stringify({ files, directories }, null, 1))
