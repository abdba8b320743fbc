import { useEffect, useRef, type RefObject } from 'react';

/** Whether the component is on the page still: for what goes on when an answer has come. */
export function useShown(): RefObject<boolean> {
  const shown = useRef(false);
  useEffect(() => {
    shown.current = true;
    return () => {
      shown.current = false;
    };
  }, []);
  return shown;
}
