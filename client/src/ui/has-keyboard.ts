/** Whether to write needs no keyboard on the screen, which would cover the room. */
export const hasKeyboard = (): boolean => window.matchMedia('(pointer: fine)').matches;
