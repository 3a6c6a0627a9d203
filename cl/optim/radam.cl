m += new1 * (g - m);
v += new2 * (g * g - v);
w -= a * m / (root * sqrt(v) + flat);
