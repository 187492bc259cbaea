// Reads the plain result archive: names and contents of a zip's entries.
import assert from 'node:assert/strict';
import { inflateRawSync } from 'node:zlib';

export function entries(buffer) {
  const bytes = Buffer.from(buffer);
  const end = bytes.lastIndexOf(Buffer.from('504b0506', 'hex'));
  assert(end >= 0, 'a zip has an end record');
  const found = {};
  let at = bytes.readUInt32LE(end + 16);
  for (let count = bytes.readUInt16LE(end + 10); count > 0; count -= 1) {
    assert.equal(bytes.readUInt32LE(at), 0x02014b50, 'a zip has a directory');
    const [method, size] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 20)];
    const [nameSize, extra, comment] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset));
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const content = bytes.subarray(start, start + size);
    found[bytes.toString('utf8', at + 46, at + 46 + nameSize)] = method === 0 ? content : inflateRawSync(content);
    at += 46 + nameSize + extra + comment;
  }
  return found;
}
