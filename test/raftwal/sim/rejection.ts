/** The `code` of the error that a promise rejects with; undefined if it does not reject. */
export async function rejectionCode(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
}
