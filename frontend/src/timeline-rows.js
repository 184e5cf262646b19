// Another row for a booking that is dragged: which rows it may go to, and what it would hold there.

import { ask } from "./timeline-parts.js";

const EDGE = 28; // so near to the upper or lower edge the timeline is moved along

/** The rows that `booking` may be dragged to from `row`: of the same kind, and held by none of its other machines. What
 *  is held as a whole room stays where it is: what stands in the room is held with it. */
export function aims(place, sheet, row, booking) {
  const own = (one) => one.bookings.some((other) => other.reservation_id === booking.reservation_id);
  const fits = (one) => one === row || (one.kind === row.kind && !booking.exclusive && !own(one));
  let held = null;

  return {
    /** The row under the pointer, or the last one where that is none to drag to. */
    under(event, last) {
      const box = place.getBoundingClientRect();
      if (event.clientY > box.bottom - EDGE) place.scrollTop += EDGE / 2;
      if (event.clientY < box.top + 2 * EDGE) place.scrollTop -= EDGE / 2;
      const found = sheet.rows.find((one) => {
        const { top, bottom } = one.track.getBoundingClientRect();
        return top <= event.clientY && event.clientY < bottom;
      });
      return found && fits(found) ? found : last;
    },

    /** All resources of the booking with this row in the place of the first; undefined where they stay. */
    async holds(over) {
      if (over === row) return undefined;
      held ??= ask("GET", `/api/v1/reservations/${booking.reservation_id}`);
      const { answer } = await held;
      return (answer.resource_ids ?? [row.id]).map((one) => (one === row.id ? over.id : one));
    },
  };
}
