m += new1 * (g - m);
v += new2 * (g * g - v);
w -= (a_g * g + a_m * m) / (sqrt(v) * c + eps);
