const element turn = g * last; // below 0: the sign turned, and the step is left out
size = (start > 0 ? lr : size) * (turn > 0 ? plus : turn < 0 ? minus : 1);
size = clamp(size, least, most);
last = turn < 0 ? 0 : g;
w -= sign(last) * size;
