/**
 * What of the AI SDK is used. It is a bundle of its own, loaded by the first call of a model: loading it takes as long as
 * the rest of the server's start.
 */
export { jsonSchema, streamText } from 'ai';
export { createOpenAICompatible } from '@ai-sdk/openai-compatible';
