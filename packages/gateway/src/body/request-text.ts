/** Text of the body if it is one we can read; streams, forms and files are not touched. */
export async function textOfRequest(
  body: BodyInit | undefined,
  request: Request | undefined,
): Promise<string | undefined> {
  if (body instanceof Uint8Array || body instanceof ArrayBuffer) return new TextDecoder().decode(body)
  if (body instanceof Blob) return await body.text()
  return body === undefined && request?.body ? await request.clone().text() : undefined
}
