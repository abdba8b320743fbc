/** How many rooms from the top are shown and watched: as many as the server watches at most. */
export const WATCHED_ROOMS = 100;
