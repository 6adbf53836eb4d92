// OpenAI's own Node package, unmodified, against the running stack: only its base URL is ours.

import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";
import OpenAI, { toFile } from "openai";

const { BASE_URL, GONE_URL, CLIP } = process.env;
const SAID = "immediate predecessors of the true printed book";

const client = new OpenAI({ baseURL: BASE_URL, apiKey: "none", maxRetries: 0 });
const clip = () => fs.createReadStream(CLIP);
const plain = (text) => text.toLowerCase().replace(/[^a-z ]/g, "");
const speech = (more) => client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "Good morning.", ...more });
const transcript = (more) => client.audio.transcriptions.create({ model: "whisper-1", file: clip(), ...more });

test("models are listed", async () => {
  const ids = (await client.models.list()).data.map((model) => model.id);

  assert.ok(ids.includes("whisper-1") && ids.includes("tts-1"), ids.join());
});

test("a model is retrieved", async () => {
  for (const name of ["whisper-1", "gpt-4o-mini-transcribe", "tts-1", "piper"]) {
    assert.equal((await client.models.retrieve(name)).id, name);
  }
});

for (const [format, begins] of [["mp3", null], ["opus", "OggS"], ["aac", null], ["flac", "fLaC"], ["wav", "RIFF"]]) {
  test(`speech is made as ${format}`, async () => {
    const bytes = Buffer.from(await (await speech({ response_format: format })).arrayBuffer());

    assert.ok(bytes.length > 1_000);
    if (begins) assert.equal(bytes.toString("latin1", 0, 4), begins);
  });
}

test("speech is streamed", async () => {
  const answer = await speech({ response_format: "pcm", input: "One sentence. Another one. And a third." });
  let parts = 0, bytes = 0;
  for await (const part of answer.body) {
    parts += 1;
    bytes += part.length;
  }

  assert.ok(parts > 1);
  assert.equal(bytes % 2, 0);
});

test("speech comes as events", async () => {
  const answer = await speech({ stream_format: "sse", response_format: "pcm" });
  const kinds = [...(await answer.text()).matchAll(/"type": ?"([a-z.]+)"/g)].map((match) => match[1]);

  assert.equal(kinds.at(-1), "speech.audio.done");
  assert.ok(kinds.slice(0, -1).every((kind) => kind === "speech.audio.delta"));
});

test("a clip is transcribed in every form", async () => {
  const verbose = await transcript({
    response_format: "verbose_json", timestamp_granularities: ["word", "segment"], language: "en",
  });

  assert.ok(plain((await transcript()).text).includes(SAID));
  assert.ok(plain(await transcript({ response_format: "text" })).includes(SAID));
  assert.match(await transcript({ response_format: "srt" }), /^1\n00:00:00,/);
  assert.match(await transcript({ response_format: "vtt" }), /^WEBVTT/);
  assert.ok(verbose.words.length > 10 && verbose.segments.length >= 1 && verbose.duration > 4);
});

test("a transcript is streamed", async () => {
  let said = "", last;
  for await (const event of await transcript({ stream: true })) {
    if (event.type === "transcript.text.delta") said += event.delta;
    last = event;
  }

  assert.equal(last.type, "transcript.text.done");
  assert.equal(said, last.text);
});

test("a clip is translated", async () => {
  const heard = await client.audio.translations.create({ model: "whisper-1", file: clip() });

  assert.ok(plain(heard.text).includes("printed book"));
});

for (const [what, ask, kind, code, param] of [
  ["no audio", async () => transcript({ file: await toFile(Buffer.from("no audio"), "a.wav") }),
    OpenAI.BadRequestError, "bad_audio", "file"],
  ["a model that is not there", () => client.models.retrieve("gpt-5"), OpenAI.NotFoundError, "unknown_model", "model"],
  ["an unknown model", () => transcript({ model: "gpt-5" }), OpenAI.NotFoundError, "unknown_model", "model"],
  ["an unknown language", () => transcript({ language: "xx" }), OpenAI.BadRequestError, "unsupported_language", "language"],
  ["an unknown voice", () => speech({ voice: "nobody" }), OpenAI.BadRequestError, "unknown_voice", "voice"],
  ["an empty text", () => speech({ input: "" }), OpenAI.BadRequestError, "empty_text", "input"],
]) {
  test(`${what} is the package's own error`, async () => {
    await assert.rejects(ask, (error) => {
      assert.ok(error instanceof kind, String(error));
      assert.equal(error.code, code);
      assert.equal(error.param, param);
      assert.ok(error.requestID);
      return true;
    });
  });
}

test("a service that is away is tried again when we say so", async () => {
  const patient = new OpenAI({ baseURL: GONE_URL, apiKey: "none", maxRetries: 1 });
  const started = performance.now();

  await assert.rejects(
    patient.audio.speech.create({ model: "tts-1", voice: "alloy", input: "One." }),
    (error) => error instanceof OpenAI.InternalServerError && error.code === "upstream_unreachable",
  );
  assert.ok(performance.now() - started >= 1_900, "it came back before we asked it to");
});

test("a timeout is the package's own error", async () => {
  await assert.rejects(
    client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "One two three. " }, { timeout: 1 }),
    OpenAI.APIConnectionTimeoutError,
  );
});

test("a caller may stop listening", async () => {
  const stop = new AbortController();
  const answer = await client.audio.speech.create(
    { model: "tts-1", voice: "alloy", input: "One two three four five. ".repeat(100), response_format: "pcm" },
    { signal: stop.signal },
  );
  await assert.rejects(async () => {
    for await (const _ of answer.body) stop.abort();
  }, { name: "AbortError" });
});
