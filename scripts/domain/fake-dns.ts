/** A DNS server on a loopback port of its own, for tests: it knows the names that it is given, and nothing else. */
import { createSocket, type RemoteInfo } from "node:dgram";
import ipaddr from "ipaddr.js";

/** Addresses, or the name that a CNAME leads to, or how the server fails. */
export type FakeRecord = { addresses: string[] } | { cname: string } | "fails" | "silent";

export interface FakeDns {
  /** `127.0.0.1:5353`, as `--dns` takes it. */
  server: string;
  close(): Promise<void>;
}

const TYPES = { A: 1, CNAME: 5, AAAA: 28 };
const NO_ERROR = 0;
const SERVER_FAILURE = 2;
const NO_SUCH_NAME = 3;

export async function startFakeDns(records: Record<string, FakeRecord>): Promise<FakeDns> {
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }: RemoteInfo) => {
    const { name, type, question } = readQuestion(query);
    if (records[name] === "silent") return;
    const { code, answers } = answer(records, name, type);
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answers.length, 6);
    socket.send(Buffer.concat([header, question, ...answers]), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    server: `127.0.0.1:${socket.address().port}`,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function readQuestion(query: Buffer): { name: string; type: number; question: Buffer } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return {
    name: labels.join(".").toLowerCase(),
    type: query.readUInt16BE(at + 1),
    question: query.subarray(12, at + 5),
  };
}

/** As a resolver for machines does: the CNAMEs on the way, and then what was asked for. */
function answer(records: Record<string, FakeRecord>, asked: string, type: number): { code: number; answers: Buffer[] } {
  const answers: Buffer[] = [];
  for (let name = asked, hops = 0; hops < 20; hops++) {
    const known = records[name];
    if (known === "fails") return { code: SERVER_FAILURE, answers: [] };
    if (typeof known !== "object") return { code: NO_SUCH_NAME, answers };
    if ("addresses" in known) {
      const family = type === TYPES.A ? "ipv4" : type === TYPES.AAAA ? "ipv6" : undefined;
      const found = known.addresses.map((address) => ipaddr.parse(address)).filter((a) => a.kind() === family);
      answers.push(...found.map((address) => resource(name, type, Buffer.from(address.toByteArray()))));
      return { code: NO_ERROR, answers };
    }
    answers.push(resource(name, TYPES.CNAME, wireName(known.cname)));
    if (type === TYPES.CNAME) return { code: NO_ERROR, answers };
    name = known.cname;
  }
  return { code: SERVER_FAILURE, answers: [] };
}

function resource(name: string, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(60, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([wireName(name), fixed, data]);
}

const wireName = (name: string): Buffer =>
  Buffer.concat([
    ...name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label, "latin1")])),
    Buffer.of(0),
  ]);
