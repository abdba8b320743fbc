import { useTexts, useTimes } from '../ui/language.js';
import { useToday } from '../ui/use-today.js';
import { day, daysAgo } from './times.js';

/** Says on which day the messages below it were sent. */
export function DaySeparator({ date }: { date: Date }) {
  const texts = useTexts();
  const times = useTimes();
  const ago = daysAgo(date, new Date(useToday()));
  return (
    <h2 className="day">
      <span>{ago === 0 ? texts.today : ago === 1 ? texts.yesterday : day(times, date)}</span>
    </h2>
  );
}
