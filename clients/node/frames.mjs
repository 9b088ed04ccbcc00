// Reads frames of avserver and prints what they are: node frames.mjs [ADDRESS] [COUNT] [CLIENT_KEYS.json]
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { argv } from "node:process"
import { Subscriber } from "zeromq"

const [address = "tcp://127.0.0.1:5555", count = "10", keysFile] = argv.slice(2)
const keys = keysFile ? JSON.parse(readFileSync(keysFile, "utf8")) : undefined
const curve = keys && { curveServerKey: keys.server, curvePublicKey: keys.public, curveSecretKey: keys.secret }
const socket = new Subscriber({ ...curve, conflate: true }) // only the newest frame, however slow this is
socket.subscribe("AVSF")
socket.connect(address)

function header(message) {
  if (message.toString("latin1", 0, 4) !== "AVSF" || message.readUInt16LE(4) !== 1) throw new Error("this is no frame")
  return {
    width: message.readUInt32LE(8),
    height: message.readUInt32LE(12),
    format: message.toString("latin1", 16, 20), // RGB8, RGBA, BGRA or JPEG
    rowBytes: message.readUInt32LE(20),
    index: Number(message.readBigUInt64LE(24)),
    time_s: message.readDoubleLE(32),
    published_ns: message.readBigUInt64LE(40).toString(),
    audio_ns: message.readBigUInt64LE(48).toString(),
    flags: message.readUInt32LE(56), // 1 repeated, 2 failsafe, 4 blackout
    bytes: message.readUInt32LE(60),
  }
}

for (let seen = 0; seen < Number(count); seen++) {
  const [message] = await socket.receive()
  const picture = message.subarray(message.readUInt16LE(6)) // rows, top first, or a JPEG file
  console.log(JSON.stringify({ ...header(message), sha256: createHash("sha256").update(picture).digest("hex") }))
}
socket.close()
