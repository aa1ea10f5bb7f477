/** Fetches a picture by its address. The request goes from this browser to the picture's own server, and nowhere else. */

/** @throws Error that says what to do when the server does not give the picture to other pages */
export async function fetchPicture(url: string): Promise<Blob> {
  const { host } = new URL(url);
  let response: Response;
  try {
    response = await fetch(url, { mode: 'cors', credentials: 'omit', referrerPolicy: 'no-referrer' });
  } catch {
    throw new Error(
      `${host} did not give the picture to this page (no CORS permission, or no connection): save it and drop the file`,
    );
  }
  if (!response.ok) throw new Error(`${host} answered with status ${response.status}: check the address`);
  return response.blob();
}
